# Soft delete and versioning are off everywhere: what a user deletes must be gone. The lifecycle is the backstop,
# the sweep is the rule.

resource "google_storage_bucket" "datasets" {
  # checkov:skip=CKV_GCP_62:access logs would hold the objects' names, which are the jobs' ids
  # checkov:skip=CKV_GCP_78:a version would keep photos that the user was told are deleted
  name                        = local.buckets.datasets
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = false
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 2
    }
  }
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 2
    }
  }
  cors {
    origin          = [local.url]
    method          = ["PUT", "POST"]
    response_header = ["content-type", "content-range", "x-goog-content-length-range", "x-goog-if-generation-match", "x-goog-resumable", "location", "range"]
    max_age_seconds = 3600
  }
}

resource "google_storage_bucket" "models" {
  # checkov:skip=CKV_GCP_62:access logs would hold the objects' names, which are the jobs' ids
  # checkov:skip=CKV_GCP_78:a version would keep a model that the user was told is deleted
  name                        = local.buckets.models
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = false
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 31
    }
  }
  # The page of a finished job fetches the model, to try it in the browser.
  cors {
    origin          = [local.url]
    method          = ["GET"]
    response_header = ["content-type"]
    max_age_seconds = 3600
  }
}

resource "google_storage_bucket" "emails" {
  # checkov:skip=CKV_GCP_62:access logs would hold the objects' names, which are the jobs' ids
  # checkov:skip=CKV_GCP_78:a version would keep an address that the user was told is deleted
  name                        = local.buckets.emails
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = false
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 32
      matches_prefix = ["jobs/", "open/"]
    }
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age            = 2
      matches_prefix = ["limits/"]
    }
  }
  # refused/ has no rule: who wants no mail is remembered for ever, as a keyed hash. catalogue/ has none either: while
  # no machine runs, it says which networks the next one will have.
}

resource "google_storage_bucket" "code" {
  # checkov:skip=CKV_GCP_62:it holds the published code alone
  # checkov:skip=CKV_GCP_78:the code's history is in git
  name                        = "${local.prefix}-modelmail-code"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = false
  }
  soft_delete_policy {
    retention_duration_seconds = 0
  }
}

resource "google_storage_bucket_object" "function" {
  name   = "function-${filesha256(var.function_zip)}.zip"
  bucket = google_storage_bucket.code.name
  source = var.function_zip
}

resource "google_storage_bucket_object" "wheel" {
  # pip reads the version from the name.
  name   = "${filesha256(var.wheel)}/${basename(var.wheel)}"
  bucket = google_storage_bucket.code.name
  source = var.wheel
}

resource "google_storage_bucket_object" "constraints" {
  name   = "${filesha256(var.constraints)}/constraints.txt"
  bucket = google_storage_bucket.code.name
  source = var.constraints
}

resource "google_storage_bucket_object" "unit" {
  name    = "${sha256(file("${path.module}/../modelmail-worker.service"))}/modelmail-worker.service"
  bucket  = google_storage_bucket.code.name
  content = file("${path.module}/../modelmail-worker.service")
}
