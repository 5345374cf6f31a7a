"""The program inside service.pyz: REST and SOAP before one TFLite model. No TensorFlow, nothing to install."""
