"""An emulator of Google Cloud Storage for one machine: the JSON and XML APIs, with verified signatures.

`README.md` tells how to use it. The packages, each of which imports only packages below it:

__main__    the command line               server      builds all parts and serves them
faults      requests that fail on demand   routing     finds the handler of a request, answers errors
json_api    handlers of the JSON API       xml_api     handlers of the XML API, which signed URLs use
calls       the argument of handlers       transfers   uploads, downloads and copies of contents
browsers    requests of web pages
store       objects on disk, listings      signatures  keys, V4 and V2 signatures
resources   buckets and objects as values  protocol    HTTP requests, answers and errors
"""
