# A separate network. From outside, only the traffic allowed in this file can enter.
resource "google_compute_network" "cluster" {
  name                    = "task-host"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "task-host-nodes"
  network                  = google_compute_network.cluster.id
  ip_cidr_range            = "10.10.0.0/24"
  private_ip_google_access = true
}

# Nodes can reach each other on every port: kubelet, etcd, the pod network.
resource "google_compute_firewall" "inside" {
  name          = "task-host-inside"
  network       = google_compute_network.cluster.id
  source_ranges = [google_compute_subnetwork.nodes.ip_cidr_range, local.pods]

  allow {
    protocol = "all"
  }
}

# SSH and the Kubernetes API, for operators only.
resource "google_compute_firewall" "operators" {
  name          = "task-host-operators"
  network       = google_compute_network.cluster.id
  source_ranges = var.operators
  target_tags   = ["task-host"]

  allow {
    protocol = "tcp"
    ports    = ["22", "6443"]
  }
}

# The ingress controller, for everyone. The node ports of the overlays stay closed.
resource "google_compute_firewall" "web" {
  name          = "task-host-web"
  network       = google_compute_network.cluster.id
  source_ranges = ["0.0.0.0/0"]
  target_tags   = ["task-host-worker"]

  allow {
    protocol = "tcp"
    ports    = ["80", "443"]
  }
}
