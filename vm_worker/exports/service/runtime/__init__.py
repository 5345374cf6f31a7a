"""The program inside service.pyz, which offers one TFLite model by REST and SOAP. It needs no TensorFlow."""
