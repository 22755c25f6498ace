"""What `workbook bench` measures: layers, networks, the cost model, the camera, panels."""
