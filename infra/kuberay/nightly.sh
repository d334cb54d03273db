#!/bin/sh
# Starts the RayJob of one night and waits for its end. nightly.yaml runs this.
#
# Exit codes: 0 the night is over; 4 its RayJob failed; anything else: the cluster did not answer,
# and the same again goes on waiting.
set -eu

# A night is called after the day on which it was due, in UTC: whatever begins again after midnight
# means the same one. Kubernetes calls a CronJob's Jobs after the minute at which they were due. By
# hand, for a night that failed:
#   kubectl create job --from=cronjob/fearrefactor-nightly tonight-2026-11-21-again
case "$JOB_NAME" in
  fearrefactor-nightly-*)
    minute="${JOB_NAME#fearrefactor-nightly-}"
    night="$(date -u -d "@$((minute * 60))" +%Y-%m-%d)" ;;
  tonight-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*)
    night="$(printf %.10s "${JOB_NAME#tonight-}")" ;;
  *)
    echo "expected a Job called tonight-YYYY-MM-DD, not $JOB_NAME" >&2
    exit 4 ;;
esac
run="tonight-$night"

state() {
  kubectl get rayjob "$run" --ignore-not-found -o 'jsonpath={.status.jobDeploymentStatus}'
}

# One that failed makes room for another attempt, which goes on where it was: its run id is the same.
before="$(state)"
if [ "$before" = Failed ]; then
  kubectl delete rayjob "$run"
fi
there="$(kubectl get rayjob "$run" --ignore-not-found -o name)"
if [ -z "$there" ]; then
  sed "s/tonight-date/$run/g" "$(dirname "$0")/rayjob.yaml" | kubectl create -f -
fi
# It goes when this Job goes, which is when the history of the CronJob is full.
kubectl patch rayjob "$run" --type merge -p "{\"metadata\": {\"ownerReferences\": [
  {\"apiVersion\": \"batch/v1\", \"kind\": \"Job\", \"name\": \"$JOB_NAME\", \"uid\": \"$JOB_UID\"}]}}"

while :; do
  case "$(state || true)" in
    Complete) echo "$run is over"; exit 0 ;;
    Failed) echo "$run failed: kubectl describe rayjob $run" >&2; exit 4 ;;
  esac
  sleep 30
done
