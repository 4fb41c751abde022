locals {
  # The pod network's range, which `kubeadm init` also gets.
  pods  = "10.244.0.0/16"
  nodes = merge({ control = "control" }, { for n in range(var.workers) : "worker-${n + 1}" => "worker" })
}

# Has no rights in the project: nothing on a node needs Google's API.
resource "google_service_account" "node" {
  account_id   = "task-host-node"
  display_name = "Nodes of the task-host cluster"
}

resource "google_compute_address" "node" {
  for_each = local.nodes
  name     = "task-host-${each.key}"
}

resource "google_compute_instance" "node" {
  for_each     = local.nodes
  name         = "task-host-${each.key}"
  machine_type = var.machine_type
  tags         = ["task-host", "task-host-${each.value}"]
  # Pods have their own addresses.
  can_ip_forward            = true
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = "debian-cloud/debian-12"
      size  = 30
      type  = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = google_compute_subnetwork.nodes.id

    access_config {
      nat_ip = google_compute_address.node[each.key].address
    }
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  service_account {
    email  = google_service_account.node.email
    scopes = []
  }

  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
  }

  # Installs containerd, kubeadm, kubelet and kubectl. An operator runs `kubeadm init` and `join`, so that
  # the state contains no join token.
  metadata_startup_script = templatefile("${path.module}/node.sh.tftpl", {
    kubernetes = var.kubernetes
  })
}
