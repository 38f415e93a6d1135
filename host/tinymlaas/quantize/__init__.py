"""From a trained float network to a full-integer .tflite, with a report of what that cost.

``sources`` picks the reader for a kind of model, ``accuracy`` and ``layers`` compare float with int8, ``picture`` draws it.
TensorFlow, onnx2tf and litert-torch are extras, imported where they are used.
"""
