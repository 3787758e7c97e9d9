#!/bin/bash
# Lines per file: median, 90th percentile and largest of each area beside its limit, then the files past the limit.
set -euo pipefail

cd "$(dirname "$0")/../.."
git ls-files '*.cs' | xargs wc -l | grep -v ' total$' | awk '
    function area(path) {
        if (path ~ /^Core\.Domain\//) return "Core.Domain"
        if (path ~ /^Core\.Application\//) return "Core.Application"
        if (path ~ /^Tests\//) return "Tests"
        if (path ~ /^Apps\//) return "Apps"
        if (path ~ /^Platform\//) return "Platform"
        return "Adapters"
    }
    { print area($2), $1, $2 }' | sort -k1,1 -k2,2n | awk '
    BEGIN { limit["Core.Domain"] = 150; limit["Core.Application"] = 200; limit["Tests"] = 400 }
    function flush() {
        if (n == 0) return
        most = (name in limit) ? limit[name] : 300
        printf "%-18s %5d files %7d lines   median %4d   p90 %4d   largest %4d   limit %4d\n", \
            name, n, sum, lines[int((n + 1) / 2)], lines[int((n * 9 + 9) / 10)], lines[n], most
        for (i = 1; i <= n; i++) if (lines[i] > most) over = over sprintf("  %5d  %s\n", lines[i], path[i])
        n = sum = 0
    }
    $1 != name { flush(); name = $1 }
    { n++; lines[n] = $2; path[n] = $3; sum += $2 }
    END { flush(); if (over != "") printf "\nPast the limit:\n%s", over }'
