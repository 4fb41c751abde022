output "control_plane" {
  description = "The control plane's public address."
  value       = google_compute_address.node["control"].address
}

output "workers" {
  description = "The workers' public addresses: where the ingress controller listens."
  value       = [for name, kind in local.nodes : google_compute_address.node[name].address if kind == "worker"]
}

output "init" {
  description = "What an operator runs on the control plane, once."
  value       = "sudo kubeadm init --pod-network-cidr=${local.pods} --apiserver-cert-extra-sans=${google_compute_address.node["control"].address}"
}
