output "url" {
  description = "Where people drop their photos."
  value       = local.url
}

output "buckets" {
  description = "The three buckets."
  value       = local.buckets
}
