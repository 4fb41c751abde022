variable "project" {
  description = "The Google Cloud project that everything is made in."
  type        = string
}

variable "region" {
  description = "The region of network and nodes."
  type        = string
  default     = "europe-west1"
}

variable "zone" {
  description = "The zone of the nodes; one of the region's."
  type        = string
  default     = "europe-west1-b"
}

variable "operators" {
  description = "Addresses (CIDR) that may reach SSH and the Kubernetes API. There is no default: neither is open to everyone."
  type        = list(string)

  validation {
    condition     = length(var.operators) > 0 && alltrue([for range in var.operators : can(cidrhost(range, 0)) && !endswith(range, "/0")])
    error_message = "Give at least one range in CIDR form, and none that is the whole Internet."
  }
}

variable "machine_type" {
  description = "The nodes' machine type. kubeadm asks for 2 CPUs and 2 GB on the control plane."
  type        = string
  default     = "e2-standard-2"
}

variable "workers" {
  description = "Worker nodes."
  type        = number
  default     = 2

  validation {
    condition     = var.workers >= 1 && var.workers <= 10
    error_message = "Between 1 and 10 workers."
  }
}

variable "kubernetes" {
  description = "The Kubernetes minor version of the package repository, such as 1.32."
  type        = string
  default     = "1.32"

  validation {
    condition     = can(regex("^1\\.[0-9]+$", var.kubernetes))
    error_message = "A minor version, such as 1.32."
  }
}
