# The training machines have no public address; they reach the buckets from inside, and package indexes by NAT.

resource "google_compute_network" "this" {
  name                    = local.name
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

resource "google_compute_subnetwork" "this" {
  # checkov:skip=CKV_GCP_76:the network has no IPv6 addresses
  name                     = local.name
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.20.0.0/24"
  private_ip_google_access = true
  stack_type               = "IPV4_ONLY"

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

resource "google_compute_router" "this" {
  name    = local.name
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                               = local.name
  router                             = google_compute_router.this.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# Nothing comes in: the machines poll.
resource "google_compute_firewall" "closed" {
  name      = "${local.name}-closed"
  network   = google_compute_network.this.id
  direction = "INGRESS"
  priority  = 1000

  deny {
    protocol = "all"
  }
  source_ranges = ["0.0.0.0/0"]
}
