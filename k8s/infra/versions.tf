terraform {
  required_version = ">= 1.8"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }

  # The state holds addresses and names, and one writer at a time may change it. Make the bucket once,
  # with versions, and give its name: tofu init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "task-host"
  }
}

provider "google" {
  project = var.project
  region  = var.region
  zone    = var.zone
}
