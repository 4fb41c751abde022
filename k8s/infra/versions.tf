terraform {
  required_version = ">= 1.8"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }

  # The state contains addresses and names, and only one writer at a time may change it. Create the bucket
  # once, with versioning enabled, and pass its name: tofu init -backend-config=bucket=NAME
  backend "gcs" {
    prefix = "task-host"
  }
}

provider "google" {
  project = var.project
  region  = var.region
  zone    = var.zone
}
