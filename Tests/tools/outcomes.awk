# The tests of a trx report, each in a line of five fields parted by tabs:
# outcome, when it began (UTC), seconds it took, name, beginning of what it says (lines parted by " / ").

function attribute(name,    from) {
    from = index($0, " " name "=\"")
    return from == 0 ? "" : plain(substr($0, from + length(name) + 3, index(substr($0, from + length(name) + 3), "\"") - 1))
}

function plain(text) {
    gsub(/&lt;/, "<", text)
    gsub(/&gt;/, ">", text)
    gsub(/&quot;/, "\"", text)
    gsub(/&apos;/, "'", text)
    gsub(/&#x[0-9A-Fa-f]+;|\t|\r/, " ", text)
    gsub(/&amp;/, "\\&", text)
    return text
}

function seconds(duration,    parts) {
    split(duration, parts, ":")
    return sprintf("%.1f", parts[1] * 3600 + parts[2] * 60 + parts[3])
}

function tell() {
    if (outcome != "") printf "%s\t%s\t%s\t%s\t%s\n", outcome, began, took, name, substr(said, 1, 1500)
    outcome = said = ""
    reading = 0
}

/<UnitTestResult / {
    tell()
    outcome = attribute("outcome")
    began = substr(attribute("startTime"), 12, 8)
    took = seconds(attribute("duration"))
    name = attribute("testName")
}

outcome != "" && said == "" && /<Message>/ { reading = 1; sub(/.*<Message>/, "") }

reading {
    line = $0
    last = sub(/<\/Message>.*/, "", line)
    sub(/^ +/, "", line)
    line = plain(line)
    if (line != "") said = said (said == "" ? "" : " / ") line
    if (last) reading = 0
}

END { tell() }
