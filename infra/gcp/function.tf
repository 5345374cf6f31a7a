resource "google_cloudfunctions2_function" "front" {
  # checkov:skip=CKV_GCP_124:people without an account upload their photos here; the routes check what needs checking
  name     = local.name
  location = var.region

  build_config {
    runtime     = "python312"
    entry_point = "handle"

    service_account = google_service_account.builder.id
    source {
      storage_source {
        bucket = google_storage_bucket.code.name
        object = google_storage_bucket_object.function.name
      }
    }
  }

  service_config {
    max_instance_count               = 5
    min_instance_count               = 0
    max_instance_request_concurrency = local.concurrency
    available_memory                 = "512Mi"
    available_cpu                    = "1"
    timeout_seconds                  = 60
    service_account_email            = google_service_account.function.email
    ingress_settings                 = "ALLOW_ALL"
    environment_variables = merge(local.settings, {
      MODELMAIL_ALLOWED_ADDRESSES = join(",", var.allowed_addresses)
      MODELMAIL_SCHEDULER         = google_service_account.scheduler.email
      MODELMAIL_MACHINES          = local.group
      MODELMAIL_MACHINES_MOST     = tostring(var.workers)
      THREADS                     = tostring(local.concurrency) # of gunicorn: each request has its own
    })
    secret_environment_variables {
      key        = "MODELMAIL_SECRET"
      project_id = var.project
      secret     = google_secret_manager_secret.secret.secret_id
      version    = "latest"
    }
    secret_environment_variables {
      key        = local.mail.setting
      project_id = var.project
      secret     = google_secret_manager_secret.mail.secret_id
      version    = "latest"
    }
  }

  lifecycle {
    precondition {
      condition     = var.allow_everyone || !contains(var.allowed_addresses, "*")
      error_message = "Everybody (*) may submit only with allow_everyone = true: strangers would spend this project's money."
    }
    precondition {
      condition     = var.mailer != "smtp" || (var.smtp_url != "" && var.smtp_user != "")
      error_message = "With mailer = smtp, smtp_url and smtp_user must be given."
    }
  }

  depends_on = [
    google_project_iam_member.builder_images,
    google_project_iam_member.builder_logs,
    google_project_iam_member.builder_source,
    google_project_service.needed,
    google_secret_manager_secret_iam_member.function_secret,
    google_secret_manager_secret_iam_member.function_mail,
  ]
}

# The page and the upload links are for people without an account.
resource "google_cloud_run_service_iam_member" "everyone" {
  # checkov:skip=CKV_GCP_102:as above
  location = var.region
  service  = google_cloudfunctions2_function.front.name
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_scheduler_job" "sweep" {
  name             = "${local.name}-sweep"
  region           = var.region
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"

  retry_config {
    retry_count = 0 # the next minute is the next try
  }
  http_target {
    http_method = "POST"
    uri         = "${local.url}/tasks/sweep"
    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.url
    }
  }
  depends_on = [google_project_service.needed]
}
