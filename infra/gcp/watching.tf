# A job's address is the key to its model, and a query may hold an email address or a token: no request log may.
resource "google_logging_project_exclusion" "requests" {
  name        = "${local.name}-requests"
  description = "Request logs that hold a job's id, an email address or a token."
  filter      = <<-EOT
    resource.type="cloud_run_revision"
    resource.labels.service_name="${local.name}"
    log_id("run.googleapis.com/requests")
    httpRequest.requestUrl=~"/(jobs|refuse)/|[?]"
  EOT
}

resource "google_monitoring_notification_channel" "operator" {
  display_name = "modelmail operator"
  type         = "email"
  labels       = { email_address = local.operator }
  depends_on   = [google_project_service.needed]
}

# /health says whether an upload has been waiting for more than half an hour.
resource "google_monitoring_uptime_check_config" "health" {
  display_name = "modelmail health"
  period       = "300s"
  timeout      = "10s"

  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  content_matchers {
    content = "false"
    matcher = "MATCHES_JSON_PATH"
    json_path_matcher {
      json_path    = "$.overdue"
      json_matcher = "EXACT_MATCH"
    }
  }
  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = trimprefix(local.url, "https://")
    }
  }
  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "waiting" {
  display_name = "modelmail: a job has been waiting for over 30 minutes, or the service is down"
  combiner     = "OR"

  conditions {
    display_name = "/health is overdue or does not answer"
    condition_threshold {
      filter          = "metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND resource.type=\"uptime_url\" AND metric.labels.check_id=\"${google_monitoring_uptime_check_config.health.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "300s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }
  notification_channels = [google_monitoring_notification_channel.operator.id]
}

# A mail that the provider does not take because of its key or sender waits until somebody mends that.
resource "google_monitoring_alert_policy" "mail" {
  display_name = "modelmail: mails wait for a key or a sender that the mail provider accepts"
  combiner     = "OR"

  conditions {
    display_name = "a mail waits for the operator"
    condition_matched_log {
      filter = "severity>=ERROR AND jsonPayload.message=~\"mail waits for the operator\""
    }
  }
  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
  }
  notification_channels = [google_monitoring_notification_channel.operator.id]
}

resource "google_billing_budget" "monthly" {
  count           = var.billing_account == "" ? 0 : 1
  billing_account = var.billing_account
  display_name    = "modelmail"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }
  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }
  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 1.0
  }
  depends_on = [google_project_service.needed]
}
