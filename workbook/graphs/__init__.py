"""Networks as data: what an ONNX file says, rewritten and written again, and what each of its operators is.

`onnx_reader` reads a file into a `Graph`; passes.py, qdq.py and simplify.py rewrite it, `operators` makes its nodes
ready to run, and `onnx_writer` writes a file again. `workbook.network` runs the graph.
"""
