output "control_plane" {
  description = "The control plane's public address."
  value       = google_compute_address.node["control"].address
}

output "workers" {
  description = "The workers' public addresses, on which the ingress controller listens."
  value       = [for name, kind in local.nodes : google_compute_address.node[name].address if kind == "worker"]
}

output "init" {
  description = "The command that an operator runs once on the control plane."
  value       = "sudo kubeadm init --pod-network-cidr=${local.pods} --apiserver-cert-extra-sans=${google_compute_address.node["control"].address}"
}
