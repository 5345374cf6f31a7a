"""A bucket server for one machine that speaks the JSON and XML APIs and truly verifies V4 signatures.

routing    host, path and method -> handler      routes       the JSON API's table
json_*     the JSON API                          xml_*        the XML API, what signed URLs use
batch      several JSON calls in one             post_policy  uploads by a form
http       request and response, raw bytes kept  hosts        which bucket a host stands for
uploads    a body on its way in                  downloads    an object on its way out (transcoding beside it)
access     who may use the XML API               rights       lists of rights and policies
signatures V4 verification (claims, canonical)   cors         the bucket's own rules
store      buckets, objects, sessions on disk    index        its SQLite tables (database, tables, sessions)
copies     new objects from those that are there buckets      what a bucket shows, and asks of its objects
listing    pages of names (globs, filters)       partial      the `fields` of an answer
files      contents on disk, made durable        lifecycle    the bucket's own rules of deletion, swept on demand
admin      routes for tests, with --admin        faults       requests that fail by order (clock, rate beside it)
resource   rows -> resources and headers         errors       every refusal, as JSON or XML
"""
