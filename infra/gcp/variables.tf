variable "project" {
  description = "The Google Cloud project that holds everything."
  type        = string
}

variable "region" {
  description = "Where buckets, function and training machines are, such as europe-west4."
  type        = string
}

variable "zone" {
  description = "Zone of the training machines; empty: the region's zone b."
  type        = string
  default     = ""
}

variable "sender" {
  description = "The address that the mails are from; verified with the mail provider."
  type        = string
}

variable "mailer" {
  description = "How mail is sent: sendgrid, or smtp through a mail server of yours."
  type        = string
  default     = "sendgrid"
  validation {
    condition     = contains(["sendgrid", "smtp"], var.mailer)
    error_message = "One of sendgrid, smtp."
  }
}

variable "smtp_url" {
  description = "The mail server: smtp://host:587 (STARTTLS) or smtps://host:465 (TLS). Google lets nothing out by port 25."
  type        = string
  default     = ""
}

variable "smtp_user" {
  description = "The login at the mail server."
  type        = string
  default     = ""
}

variable "operator" {
  description = "Who is told when a job fails; empty: the sender."
  type        = string
  default     = ""
}

variable "allowed_addresses" {
  description = "Who may submit: globs such as *@example.org."
  type        = list(string)
  validation {
    condition     = length(var.allowed_addresses) > 0
    error_message = "Name at least one address or glob that may submit."
  }
}

variable "allow_everyone" {
  description = "Must be true for * among the allowed addresses: then strangers can spend this project's money."
  type        = bool
  default     = false
}

variable "public_url" {
  description = "What links start with, if the function has a domain of its own; empty: the function's address."
  type        = string
  default     = ""
}

variable "prefix" {
  description = "Of the buckets' names, which are global; empty: the project."
  type        = string
  default     = ""
}

variable "gpu" {
  description = "The training machines' accelerator: T4, L4, A100, or none."
  type        = string
  default     = "T4"
  validation {
    condition     = contains(["T4", "L4", "A100", "none"], var.gpu)
    error_message = "One of T4, L4, A100, none."
  }
}

variable "spot" {
  description = "Machines that Google may take back, at about a third of the price. A job goes on where it stood."
  type        = bool
  default     = true
}

variable "workers" {
  description = "Training machines at most. None runs while nobody needs one."
  type        = number
  default     = 1
  validation {
    condition     = var.workers >= 1 && var.workers <= 50 && floor(var.workers) == var.workers
    error_message = "A whole number from 1 to 50."
  }
}

variable "idle_minutes" {
  description = "After which a training machine without work stops itself."
  type        = number
  default     = 5
}

variable "hourly_price" {
  description = "Of one training machine, in your currency, for the quotes in reports; 0: none."
  type        = number
  default     = 0
}

variable "image" {
  description = "Boot image of the training machines: a Deep Learning VM with NVIDIA's driver and Python 3.11 or later."
  type        = string
  default     = "projects/deeplearning-platform-release/global/images/family/common-cu128-ubuntu-2404-nvidia-570"
}

variable "function_zip" {
  description = "What `python -m infra.package` wrote."
  type        = string
}

variable "wheel" {
  description = "The project's wheel, for the training machines."
  type        = string
}

variable "constraints" {
  description = "The pinned requirements of the training machines."
  type        = string
}

variable "billing_account" {
  description = "For the budget alert; empty: none is made."
  type        = string
  default     = ""
}

variable "monthly_budget" {
  description = "At which the billing account's owners are told, in the account's currency."
  type        = number
  default     = 50
}

variable "telemetry_url" {
  description = "An OTLP/HTTP receiver of metrics that function and training machines can reach; empty: none are sent."
  type        = string
  default     = ""
}

variable "ops_agent_hash" {
  description = "SHA-256 of https://dl.google.com/cloudagents/add-google-cloud-ops-agent-repo.sh, as you have read it. The machines run that script as root, and only with this hash; Google's Ops Agent then takes their log, memory and disk to Cloud Logging and Monitoring. Empty: no agent."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^([0-9a-f]{64})?$", var.ops_agent_hash))
    error_message = "64 hexadecimal digits, as sha256sum prints them, or nothing."
  }
}
