resource "google_compute_instance_template" "worker" {
  name_prefix  = "${local.name}-worker-"
  machine_type = local.machine.type
  region       = var.region
  labels       = { app = local.name }

  disk {
    source_image = var.image
    boot         = true
    auto_delete  = true
    disk_type    = "pd-balanced"
    disk_size_gb = 100 # the image has 50; decoded photos and activations take the rest
  }

  network_interface {
    subnetwork = google_compute_subnetwork.this.id
    # No access_config: no public address.
  }

  dynamic "guest_accelerator" {
    for_each = local.machine.attached == "" ? [] : [local.machine.attached]
    content {
      type  = guest_accelerator.value
      count = 1
    }
  }

  scheduling {
    automatic_restart           = !var.spot
    preemptible                 = var.spot
    provisioning_model          = var.spot ? "SPOT" : "STANDARD"
    on_host_maintenance         = "TERMINATE" # a machine with a GPU cannot move
    instance_termination_action = var.spot ? "DELETE" : null
  }

  shielded_instance_config {
    enable_secure_boot          = false # NVIDIA's driver on the image is not signed for it
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  service_account {
    email  = google_service_account.worker.email
    scopes = ["cloud-platform"] # what it may do is said by its roles
  }

  metadata = {
    block-project-ssh-keys = "true"
    enable-oslogin         = "TRUE"
    install-nvidia-driver  = "True"
    startup-script         = file("${path.module}/../startup.sh")
    modelmail-wheel        = "gs://${google_storage_bucket.code.name}/${google_storage_bucket_object.wheel.name}"
    modelmail-constraints  = "gs://${google_storage_bucket.code.name}/${google_storage_bucket_object.constraints.name}"
    modelmail-unit         = "gs://${google_storage_bucket.code.name}/${google_storage_bucket_object.unit.name}"
    modelmail-ops-agent    = var.ops_agent_hash
    modelmail-gpu          = tostring(var.gpu != "none")
    modelmail-secrets      = "${google_secret_manager_secret.secret.id} ${google_secret_manager_secret.mail.id}"
    modelmail-settings = join("\n", [for name, value in merge(local.settings, {
      MODELMAIL_METADATA_URL     = "http://metadata.google.internal"
      MODELMAIL_DOWNLOAD_WEIGHTS = "1"
      MODELMAIL_WORK             = "/var/lib/modelmail"
      MODELMAIL_IDLE_MINUTES     = tostring(var.idle_minutes)
      MODELMAIL_HOURLY_PRICE     = tostring(var.hourly_price)
    }) : "${name}=${value}"])
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_instance_group_manager" "workers" {
  name               = "${local.name}-worker"
  zone               = local.zone
  base_instance_name = "${local.name}-worker"
  target_size        = 0

  version {
    instance_template = google_compute_instance_template.worker.self_link_unique
  }
  # The sweep sets the size, and each machine takes itself away.
  lifecycle {
    ignore_changes = [target_size]
  }
}
