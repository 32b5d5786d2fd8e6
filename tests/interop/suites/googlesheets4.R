# Runs the tests that Debian's r-cran-googlesheets4 ships, unchanged, against the emulator.
# EMULATOR_URL and EMULATOR_KEY say where it is; the argument is the folder of the tests.
# What they call is replaced below them: Google's hosts in httr, the login, and the pauses for Google's quota.

url <- Sys.getenv("EMULATOR_URL")
key <- Sys.getenv("EMULATOR_KEY")
hosts <- "^https://(sheets\\.googleapis\\.com|www\\.googleapis\\.com|docs\\.google\\.com)"

replace_in <- function(name, namespace, value) {
  unlockBinding(name, namespace)
  assign(name, value, namespace)
  lockBinding(name, namespace)
}

httr_names <- asNamespace("httr")
for (verb in c("GET", "POST", "PATCH", "PUT", "DELETE")) local({
  original <- get(verb, httr_names)
  replace_in(verb, httr_names, function(url = NULL, ...) original(sub(hosts, Sys.getenv("EMULATOR_URL"), url), ...))
})
# The address of the account is in the key; Google has a service of its own for it.
replace_in("token_email", asNamespace("gargle"), function(token) jsonlite::fromJSON(key)$client_email)
replace_in("Sys.sleep", baseenv(), function(time) invisible(NULL))

suppressPackageStartupMessages({
  library(testthat)
  library(googledrive)
  library(googlesheets4)
})
# The tests that call the service are skipped on CRAN and where the network is missing; here they run.
Sys.setenv(NOT_CRAN = "true")
replace_in("skip_if_offline", as.environment("package:testthat"), function(...) invisible(TRUE))
replace_in("gs4_auth_testing", asNamespace("googlesheets4"), function(...) {
  drive_auth(path = key)
  gs4_auth(path = key)
  TRUE
})

results <- as.data.frame(test_dir(
  commandArgs(trailingOnly = TRUE)[[1]],
  package = "googlesheets4", load_package = "installed", reporter = "silent", stop_on_failure = FALSE
))
for (row in which(results$failed > 0 | results$error)) {
  cat("failed:", results$file[[row]], "-", results$test[[row]], "\n")
  for (result in results$result[[row]]) {
    if (!inherits(result, "expectation_success")) cat("   ", substr(gsub("\\s+", " ", conditionMessage(result)), 1, 300), "\n")
  }
}
passed <- sum(!results$error & results$failed == 0 & !results$skipped)
cat(sprintf("googlesheets4: %d passed, %d failed, %d skipped\n",
  passed, sum(results$failed > 0 | results$error), sum(results$skipped & !results$error & results$failed == 0)))
