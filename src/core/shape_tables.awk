# shape_tables.awk: turns the tables.sql of all rooms into what shape.c checks tables against, so that columns are
# written once, in the DDL. Reads CREATE TABLE as comment_columns.awk does: one column a line, LIKE of a template.
# A column that is part of the primary key is NOT NULL too.

BEGIN {
    oid["text"] = "TEXTOID"; oid["bigint"] = "INT8OID"; oid["integer"] = "INT4OID"; oid["boolean"] = "BOOLOID"
    oid["numeric"] = "NUMERICOID"; oid["timestamptz"] = "TIMESTAMPTZOID"; oid["date"] = "DATEOID"; oid["time"] = "TIMEOID"
    oid["jsonb"] = "JSONBOID"; oid["bytea"] = "BYTEAOID"; oid["interval"] = "INTERVALOID"
}

/^CREATE TABLE / { table = $3; order[++tables] = table; text = ""; next }

table != "" && /^\);|^\) / { table = ""; next }

table != "" && /^    LIKE / { columns[table] = columns[table] columns[$2]; next }

table != "" && /^    [a-z]/ {
    line = $0
    sub(/[ \t]*--( .*)?$/, "", line)
    type = $2
    sub(/[^a-z].*$/, "", type)
    if (!(type in oid)) {
        print "shape_tables.awk: type of " table "." $1 " is not known: " type > "/dev/stderr"
        exit 1
    }
    required = line ~ /NOT NULL|PRIMARY KEY|GENERATED .* AS IDENTITY/ ? "true" : "false"
    columns[table] = columns[table] "\t{\"" $1 "\", " oid[type] ", " required "},\n"
}

END {
    print "/* Made by shape_tables.awk from the rooms' tables.sql. */"
    for (i = 1; i <= tables; i++)
        if (order[i] !~ /^template_/)
            printf "static const CrmColumn %s_columns[] = {\n%s\t{NULL}\n};\n", order[i], columns[order[i]]
    print "static const CrmShape shapes[] = {"
    for (i = 1; i <= tables; i++)
        if (order[i] !~ /^template_/)
            printf "\t{\"%s\", %s_columns},\n", order[i], order[i]
    print "};"
}
