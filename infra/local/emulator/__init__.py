"""A bucket server for one machine that speaks the JSON and XML APIs and truly verifies V4 signatures.

routing    path and method -> handler           http         request and response, raw bytes kept
json_*     the JSON API                          xml_*        the XML API, what signed URLs use
uploads    a body on its way in                  downloads    an object on its way out
signatures V4 verification                       cors         the bucket's own rules
store      buckets, objects, sessions on disk    index        its SQLite tables
files      contents on disk, made durable        lifecycle    the bucket's own rules of deletion, swept on demand
admin      routes for tests, with --admin        faults       requests that fail by order (clock, rate beside it)
resource   rows -> resources and headers         errors       every refusal, as JSON or XML
"""
