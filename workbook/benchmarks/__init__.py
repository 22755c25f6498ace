"""What `workbook bench` measures: networks, the cost model, the camera, panels."""
