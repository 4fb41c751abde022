variable "project" {
  description = "The Google Cloud project in which everything is created."
  type        = string
}

variable "region" {
  description = "The region of the network and the nodes."
  type        = string
  default     = "europe-west1"
}

variable "zone" {
  description = "The zone of the nodes. It must be in the region."
  type        = string
  default     = "europe-west1-b"
}

variable "operators" {
  description = "Address ranges (CIDR) that may connect to SSH and the Kubernetes API. No default, so that neither is open to everyone by accident."
  type        = list(string)

  validation {
    condition     = length(var.operators) > 0 && alltrue([for range in var.operators : can(cidrhost(range, 0)) && !endswith(range, "/0")])
    error_message = "Give at least one range in CIDR form. The whole Internet (/0) is not allowed."
  }
}

variable "machine_type" {
  description = "The machine type of the nodes. kubeadm requires 2 CPUs and 2 GB on the control plane."
  type        = string
  default     = "e2-standard-2"
}

variable "workers" {
  description = "The number of worker nodes."
  type        = number
  default     = 2

  validation {
    condition     = var.workers >= 1 && var.workers <= 10
    error_message = "Give between 1 and 10 workers."
  }
}

variable "kubernetes" {
  description = "The Kubernetes minor version of the package repository, such as 1.32."
  type        = string
  default     = "1.32"

  validation {
    condition     = can(regex("^1\\.[0-9]+$", var.kubernetes))
    error_message = "Give a minor version, such as 1.32."
  }
}
