terraform {
  required_version = ">= 1.6"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50" # whose schema the files are checked against
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  # The budgets' API wants a project to count its calls against.
  user_project_override = var.billing_account != ""
  billing_project       = var.billing_account == "" ? null : var.project
}

data "google_project" "this" {
  project_id = var.project
}
