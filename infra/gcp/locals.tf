locals {
  name     = "modelmail"
  prefix   = var.prefix == "" ? var.project : var.prefix
  zone     = var.zone == "" ? "${var.region}-b" : var.zone
  operator = var.operator == "" ? var.sender : var.operator

  # The address that Cloud Run gives a service before it exists, so that the function can know its own.
  url = var.public_url == "" ? "https://${local.name}-${data.google_project.this.number}.${var.region}.run.app" : var.public_url

  concurrency = 20 # requests of one instance at a time

  buckets = {
    emails   = "${local.prefix}-modelmail-emails"
    datasets = "${local.prefix}-modelmail-datasets"
    models   = "${local.prefix}-modelmail-models"
  }

  # Accelerator-optimised machines bring their GPU; to the others it is attached.
  machines = {
    T4   = { type = "n1-standard-4", attached = "nvidia-tesla-t4" }
    L4   = { type = "g2-standard-4", attached = "" }
    A100 = { type = "a2-highgpu-1g", attached = "" }
    none = { type = "c3-standard-4", attached = "" }
  }
  machine = local.machines[var.gpu]

  # The mailer's secret, and the setting that it is.
  mailers = {
    sendgrid = { secret = "modelmail-sendgrid-key", setting = "MODELMAIL_SENDGRID_KEY" }
    smtp     = { secret = "modelmail-smtp-password", setting = "MODELMAIL_SMTP_PASSWORD" }
  }
  mail = local.mailers[var.mailer]

  # What both sides are told. MODELMAIL_SECRET and the mailer's secret come from Secret Manager.
  settings = {
    MODELMAIL_EMAILS_BUCKET   = local.buckets.emails
    MODELMAIL_DATASETS_BUCKET = local.buckets.datasets
    MODELMAIL_MODELS_BUCKET   = local.buckets.models
    MODELMAIL_PUBLIC_URL      = local.url
    MODELMAIL_MAILER          = var.mailer
    MODELMAIL_SMTP_URL        = var.smtp_url
    MODELMAIL_SMTP_USER       = var.smtp_user
    MODELMAIL_SENDER          = var.sender
    MODELMAIL_OPERATOR        = local.operator
    MODELMAIL_LOG_FORMAT      = "json"
    MODELMAIL_PROJECT         = var.project
    MODELMAIL_TELEMETRY_URL   = var.telemetry_url
  }

  group = "projects/${var.project}/zones/${local.zone}/instanceGroupManagers/${local.name}-worker"
}

resource "google_project_service" "needed" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])
  service            = each.value
  disable_on_destroy = false # other things in the project may need them
}
