# Made empty: `make deploy` adds the values, which stay out of Terraform's state.

resource "google_secret_manager_secret" "secret" {
  secret_id = "modelmail-secret"
  replication {
    auto {}
  }
  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret" "sendgrid" {
  secret_id = "modelmail-sendgrid-key"
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

resource "google_secret_manager_secret_iam_member" "function_sendgrid" {
  secret_id = google_secret_manager_secret.sendgrid.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_secret_manager_secret_iam_member" "worker_secret" {
  secret_id = google_secret_manager_secret.secret.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}

resource "google_secret_manager_secret_iam_member" "worker_sendgrid" {
  secret_id = google_secret_manager_secret.sendgrid.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}
