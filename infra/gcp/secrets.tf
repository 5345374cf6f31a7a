# Made empty: `make deploy` adds the values, which stay out of Terraform's state.

resource "google_secret_manager_secret" "secret" {
  secret_id = "modelmail-secret"
  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}

# Of the mail provider: SendGrid's key, or the password of the mail server.
resource "google_secret_manager_secret" "mail" {
  secret_id = local.mail.secret
  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_iam_member" "function_secret" {
  secret_id = google_secret_manager_secret.secret.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_secret_manager_secret_iam_member" "function_mail" {
  secret_id = google_secret_manager_secret.mail.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_secret_manager_secret_iam_member" "worker_secret" {
  secret_id = google_secret_manager_secret.secret.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}

resource "google_secret_manager_secret_iam_member" "worker_mail" {
  secret_id = google_secret_manager_secret.mail.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}
