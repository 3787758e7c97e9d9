#!/bin/bash
# Runs test projects that are built and sums them up; the last line is "N passed, N failed, N skipped".
#
#   test.sh PROJECT[:FILTER[:at-once]]...
#
# With "at-once" the collections of the project's tests run beside each other: for those that wait more than they work.
# Each test's outcome is printed where tests take long; what failed is listed again before the last line, a line each. A
# project whose run breaks off counts as one failure more.
set -uo pipefail

cd "$(dirname "$0")/../.."
results=artifacts/test-results
# Spawning is tested through the published binary, whose first verb it is.
if [ -x artifacts/publish/containerd-shim-kata-v2 ]; then export KATA_TEST_LAUNCHER=$PWD/artifacts/publish/containerd-shim-kata-v2; fi
passed=0 failed=0 skipped=0 failures=""

counter() { sed -n "s/.*<Counters [^>]*\\b$2=\"\\([0-9]*\\)\".*/\\1/p" "$1" | head -1; }

# The failed tests of a printed run, each with the beginning of what it says, in one line.
list_failures() {
    awk 'function tell() { if (name != "") print "FAILED " name ": " substr(text, 1, 1500); name = "" }
        /^ +Failed .* \[[0-9<]/ { tell(); name = $0; sub(/^ +Failed /, "", name); sub(/ \[[0-9<][^[]*$/, "", name); text = ""; said = 0; next }
        /^ +Error Message:/ { said = 1; next }
        /^ +Stack Trace:/ { tell() }
        name != "" && said { sub(/^ +/, ""); text = text (text == "" ? "" : " / ") $0 }
        END { tell() }' "$1"
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
    report=$results/$project/report.trx
    printed=$results/$project/output.txt
    rm -rf "${results:?}/$project"
    mkdir -p "$results/$project"
    # A test that hangs ends its project's run rather than everybody's.
    dotnet test "artifacts/bin/$project/release/Kata.Tests.$project.dll" "${options[@]}" \
        --logger "console;verbosity=$verbosity" --logger "trx;LogFileName=report.trx" --results-directory "$results/$project" \
        --blame-hang-timeout 10m --blame-hang-dump-type none "${settings[@]}" < /dev/null 2>&1 |
        grep --line-buffered -vE '^$|^VSTest version|^Starting test|^A total of|^Data collector|^Results File|^Test Run' | tee "$printed"
    code=${PIPESTATUS[0]}
    ok=0 bad=0 total=0
    if [ -f "$report" ]; then
        total=$(counter "$report" total)
        ok=$(counter "$report" passed)
        bad=$(counter "$report" failed)
    fi
    if [ "$bad" != 0 ]; then
        failures+=$(list_failures "$printed")$'\n'
    elif [ "$code" != 0 ]; then
        failures+="FAILED $project: the run broke off with exit code $code"$'\n'
        bad=1 total=$((total + 1))
    fi
    echo "-- $project: $ok passed, $bad failed, $((total - ok - bad)) skipped in $((SECONDS - started)) s"
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + total - ok - bad))
done

echo -n "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
