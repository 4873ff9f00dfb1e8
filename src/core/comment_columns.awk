# comment_columns.awk: turns the remarks of a tables.sql or views.sql into COMMENT statements, so that each text is
# written once, beside what it explains.
#
#   -- A block directly above CREATE TABLE, VIEW or SEQUENCE describes it.
#   CREATE TABLE lead (
#       subject text,    -- the rest of a column's line describes the column
#                        -- and may go on in lines that hold nothing else
#
# A table's column is the first word of its line, a view's the last one before the remark. The input passes through
# unchanged; the comments follow the statement, early enough for LIKE .. INCLUDING COMMENTS.

function quoted(text) {
    gsub(/\047/, "\047\047", text)
    return "\047" text "\047"
}

# code returns the line without its remark and the blanks before it
function code(line) {
    sub(/[ \t]*--( .*)?$/, "", line)
    return line
}

function remark(line) {
    return match(line, /-- /) ? substr(line, RSTART + 3) : ""
}

function begin_object(line) {
    kind = line ~ /^CREATE TABLE/ ? "TABLE" : line ~ /^CREATE SEQUENCE/ ? "SEQUENCE" : "VIEW"
    name = line
    sub(/^CREATE (OR REPLACE )?(TABLE|VIEW|SEQUENCE) /, "", name)
    sub(/[^a-z0-9_].*$/, "", name)
    description = block
    columns = 0
    last_column = 0
}

function column_name(text) {
    if (kind == "TABLE") {
        sub(/^[ \t]+/, "", text)
        sub(/[^a-z0-9_].*$/, "", text)
        return text
    }
    sub(/[ \t]*[,;]$/, "", text)
    return match(text, /[a-z0-9_]+$/) ? substr(text, RSTART) : ""
}

function read_column(line,    text) {
    text = code(line)
    if (remark(line) == "") {
        last_column = 0
    } else if (text ~ /^[ \t]*$/) {
        if (last_column)
            comment[last_column] = comment[last_column] " " remark(line)
    } else if (kind == "VIEW" || text ~ /^[ \t]+[a-z]/) {
        last_column = ++columns
        column[columns] = column_name(text)
        comment[columns] = remark(line)
    } else {
        last_column = 0
    }
}

function end_object(    i) {
    if (description != "")
        print "COMMENT ON " kind " " name " IS " quoted(description) ";"
    for (i = 1; i <= columns; i++)
        print "COMMENT ON COLUMN " name "." column[i] " IS " quoted(comment[i]) ";"
    name = ""
}

{ print }

name == "" && /^CREATE (OR REPLACE )?(TABLE|VIEW|SEQUENCE) / { begin_object($0); inside = 0 }

name != "" {
    if (inside)
        read_column($0)
    inside = 1
    if (code($0) ~ /;$/)
        end_object()
}

{ block = /^-- / ? (block == "" ? "" : block " ") substr($0, 4) : "" }
