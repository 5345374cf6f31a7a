resource "google_service_account" "function" {
  account_id   = "${local.name}-function"
  display_name = "modelmail: the front door"
}

resource "google_service_account" "worker" {
  account_id   = "${local.name}-worker"
  display_name = "modelmail: the training machines"
}

resource "google_service_account" "scheduler" {
  account_id   = "${local.name}-scheduler"
  display_name = "modelmail: the clock that calls the sweep"
}

# Builds the function's image. New organisations give the default account, which would do it otherwise, no rights.
resource "google_service_account" "builder" {
  account_id   = "${local.name}-builder"
  display_name = "modelmail: builds the function"
}

resource "google_project_iam_member" "builder_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.builder.member
}

resource "google_project_iam_member" "builder_images" {
  project = var.project
  role    = "roles/artifactregistry.writer"
  member  = google_service_account.builder.member
}

# The source lies in a bucket that Google makes when the function is first built.
resource "google_project_iam_member" "builder_source" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.builder.member
  condition {
    title      = "the source of functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

# Reads, lists and deletes, and cannot write.
resource "google_project_iam_custom_role" "remover" {
  role_id     = "modelmailRemover"
  title       = "modelmail: read and delete objects"
  permissions = ["storage.objects.get", "storage.objects.list", "storage.objects.delete"]
}

# Makes, reads, lists and deletes: what an upload link needs of its signer, and the sweep.
resource "google_project_iam_custom_role" "uploads" {
  role_id     = "modelmailUploads"
  title       = "modelmail: create, read and delete objects"
  permissions = ["storage.objects.create", "storage.objects.get", "storage.objects.list", "storage.objects.delete"]
}

# Signs upload and download links. The usual role for it, Token Creator, could also make tokens.
resource "google_project_iam_custom_role" "signer" {
  role_id     = "modelmailSigner"
  title       = "modelmail: sign links"
  permissions = ["iam.serviceAccounts.signBlob"]
}

# Changes the number of training machines, and nothing else of Compute Engine. It holds for all groups of the project:
# the conditions of IAM know no groups of machines.
resource "google_project_iam_custom_role" "machines" {
  role_id     = "modelmailMachines"
  title       = "modelmail: start and stop training machines"
  permissions = ["compute.instanceGroupManagers.get", "compute.instanceGroupManagers.update"]
}

resource "google_storage_bucket_iam_member" "function_emails" {
  bucket = google_storage_bucket.emails.name
  role   = "roles/storage.objectUser"
  member = google_service_account.function.member
}

resource "google_storage_bucket_iam_member" "function_datasets" {
  bucket = google_storage_bucket.datasets.name
  role   = google_project_iam_custom_role.uploads.name
  member = google_service_account.function.member
}

resource "google_storage_bucket_iam_member" "function_models" {
  bucket = google_storage_bucket.models.name
  role   = google_project_iam_custom_role.remover.name
  member = google_service_account.function.member
}

resource "google_storage_bucket_iam_member" "worker_emails" {
  bucket = google_storage_bucket.emails.name
  role   = "roles/storage.objectUser"
  member = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "worker_datasets" {
  bucket = google_storage_bucket.datasets.name
  role   = google_project_iam_custom_role.remover.name
  member = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "worker_models" {
  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectUser"
  member = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "worker_code" {
  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.worker.member
}

# Keyless signing: the function may sign as itself, and as nobody else.
resource "google_service_account_iam_member" "function_signs" {
  service_account_id = google_service_account.function.name
  role               = google_project_iam_custom_role.signer.name
  member             = google_service_account.function.member
}

resource "google_project_iam_member" "function_machines" {
  project = var.project
  role    = google_project_iam_custom_role.machines.name
  member  = google_service_account.function.member
}

resource "google_project_iam_member" "worker_machines" {
  project = var.project
  role    = google_project_iam_custom_role.machines.name
  member  = google_service_account.worker.member
}

resource "google_project_iam_member" "worker_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.worker.member
}

resource "google_project_iam_member" "worker_metrics" {
  project = var.project
  role    = "roles/monitoring.metricWriter"
  member  = google_service_account.worker.member
}
