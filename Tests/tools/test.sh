#!/bin/bash
# Runs test projects that are built and sums them up; the last line is "N passed, N failed, N skipped".
#
#   test.sh PROJECT[:FILTER[:at-once]]...
#
# With "at-once" the collections of the project's tests run beside each other: for those that wait more than they work.
# Each test's outcome is printed where tests take long; what failed is listed again before the last line, a line each.
#
# At the end each test that failed is run once more, alone. If it passes then, it counts as passed and is listed as FLAKY
# with both outcomes, else as FAILED; many failures are no flicker and none of them is run again. A run that breaks off, or
# that fails beside its tests, counts as one failure more, which nothing takes back.
set -uo pipefail

cd "$(dirname "$0")/../.."
tools=Tests/tools
results=artifacts/test-results
most_again=5
# Spawning is tested through the published binary, whose first verb it is.
if [ -x artifacts/publish/containerd-shim-kata-v2 ]; then export KATA_TEST_LAUNCHER=$PWD/artifacts/publish/containerd-shim-kata-v2; fi
passed=0 failed=0 skipped=0 failures="" again=()

counter() { sed -n "s/.*<Counters [^>]*\\b$2=\"\\([0-9]*\\)\".*/\\1/p" "$1" | head -1; }

# One run of a project's tests: leaves report.trx and output.txt in the folder, sets code, total, ok and bad.
run() { # PROJECT FOLDER VERBOSITY [ARGUMENT...]
    local project=$1 folder=$2 verbosity=$3
    shift 3
    rm -rf "${folder:?}"
    mkdir -p "$folder"
    # A test that hangs ends its project's run rather than everybody's.
    dotnet test "artifacts/bin/$project/release/Kata.Tests.$project.dll" \
        --logger "console;verbosity=$verbosity" --logger "trx;LogFileName=report.trx" --results-directory "$folder" \
        --blame-hang-timeout 16m --blame-hang-dump-type none "$@" < /dev/null 2>&1 |
        grep --line-buffered -vE '^$|^VSTest version|^Starting test|^A total of|^Data collector|^Results File|^Test Run' | tee "$folder/output.txt"
    code=${PIPESTATUS[0]}
    total=0 ok=0 bad=0
    if [ -f "$folder/report.trx" ]; then
        total=$(counter "$folder/report.trx" total)
        ok=$(counter "$folder/report.trx" passed)
        bad=$(counter "$folder/report.trx" failed)
    fi
}

outcomes() { if [ -f "$1/report.trx" ]; then awk -f "$tools/outcomes.awk" "$1/report.trx"; fi; }

# Why a run failed beside its tests: it was broken off, or a fixture could not be taken down. Nothing if neither.
beside_tests() { # FOLDER
    awk '/^The active test run was aborted/ { text = substr($0, 1, 300) }
        !/^\[xUnit.net / || /\]     [^ ]/ || /\] +Stack Trace:/ { within = 0 }
        /^\[xUnit.net [0-9:.]+\]     \[.* Cleanup Failure/ { within = 1 }
        within { sub(/^\[xUnit.net [0-9:.]+\] +/, ""); text = text (text == "" ? "" : " / ") $0 }
        END { print substr(text, 1, 1500) }' "$1/output.txt"
}

# The tests that should have run and have no outcome.
without_outcome() { # PROJECT FOLDER [ARGUMENT...]
    local project=$1 folder=$2
    shift 2
    outcomes "$folder" | cut -f 4 | LC_ALL=C sort > "$folder/told.txt"
    dotnet test "artifacts/bin/$project/release/Kata.Tests.$project.dll" --list-tests "$@" < /dev/null 2>&1 |
        sed -n 's/^    \([^ ]\)/\1/p' | LC_ALL=C sort | LC_ALL=C comm -23 - "$folder/told.txt" > "$folder/untold.txt"
    awk 'NR <= 10 { text = text (NR > 1 ? ", " : "") $0 }
        END { print NR " without an outcome" (NR > 0 ? ": " text : "") (NR > 10 ? ", ..." : "") }' "$folder/untold.txt"
}

# Runs one test alone, by its name; the whole method if there is no row of that name to be run. Sets outcome: passed or why not.
run_alone() { # PROJECT NAME
    local folder=$results/$1-again what=alone
    run "$1" "$folder" normal --filter "DisplayName=$(sed 's/[\\()&|=!~]/\\&/g' <<< "$2")"
    if [ "$total" = 0 ] && [ "$code" = 0 ]; then
        what="alone, with all of its method's cases"
        run "$1" "$folder" normal --filter "FullyQualifiedName=${2%%(*}"
    fi
    local began took said
    IFS=$'\t' read -r _ began took _ said < <(outcomes "$folder" | grep -v '^Passed' || outcomes "$folder")
    if [ "$code" = 0 ] && [ "$bad" = 0 ] && [ "$ok" != 0 ]; then
        outcome="passed $what at ${began}Z after $took s"
        return 0
    fi
    outcome="once more, $what: "
    if [ "$bad" != 0 ]; then outcome+="failed at ${began}Z after $took s: $said"; else outcome+="no outcome, exit code $code"; fi
    return 1
}

for tier in "$@"; do
    IFS=: read -r project filter order <<< "$tier"
    options=() settings=()
    if [ -n "$filter" ]; then options=(--filter "$filter"); fi
    if [ "$order" = at-once ]; then settings=(-- xUnit.ParallelizeTestCollections=true xUnit.MaxParallelThreads=-1); fi
    case $project in
        Contracts | Aot | EndToEnd) verbosity=normal ;;
        *) verbosity=minimal ;;
    esac
    echo "== $project${filter:+, $filter}"
    started=$SECONDS
    folder=$results/$project
    run "$project" "$folder" "$verbosity" "${options[@]}" "${settings[@]}"
    while IFS=$'\t' read -r line; do again+=("$project"$'\t'"$line"); done < <(outcomes "$folder" | grep '^Failed')
    beside=$(beside_tests "$folder")
    if [ -n "$beside" ]; then
        if [[ $beside == "The active"* ]]; then beside+="; $(without_outcome "$project" "$folder" "${options[@]}")"; fi
    elif [ "$code" != 0 ] && [ "$bad" = 0 ]; then
        beside="the run ended with exit code $code; $(without_outcome "$project" "$folder" "${options[@]}")"
    fi
    if [ -n "$beside" ]; then
        failures+="FAILED $project: $beside"$'\n'
        bad=$((bad + 1)) total=$((total + 1))
    fi
    echo "-- $project: $ok passed, $bad failed, $((total - ok - bad)) skipped in $((SECONDS - started)) s"
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + total - ok - bad))
done

if [ "${#again[@]}" -gt "$most_again" ]; then
    echo "== ${#again[@]} tests failed: more than $most_again are no flicker, none is run once more"
fi
for test in "${again[@]}"; do
    IFS=$'\t' read -r project _ began took name said <<< "$test"
    if [ "${#again[@]}" -gt "$most_again" ]; then
        failures+="FAILED $name: $said"$'\n'
        continue
    fi
    echo "== $project, once more and alone: $name"
    if run_alone "$project" "$name"; then
        failures+="FLAKY $name: failed at ${began}Z after $took s: $said; $outcome"$'\n'
        passed=$((passed + 1)) failed=$((failed - 1))
    else
        failures+="FAILED $name: $said; $outcome"$'\n'
    fi
done

echo -n "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
