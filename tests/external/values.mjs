// SPDX-License-Identifier: BSD-2-Clause
// Prints every value of a trace as DuckDB reads it, for values.py: a line for each event with its
// columns and their types, and below it a line a row. Numbers and instants (ns) are texts, texts
// are the bytes of the file in hex, what is null is null.
//
//	node values.mjs TRACE

import fs from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

const [dir] = process.argv.slice(2)
const db = await (await DuckDBInstance.create(':memory:')).connect()
const query = async sql => (await db.runAndReadAll(sql)).getRows()
const out = []

const asText = { VARCHAR: name => `hex(${name})`, TIMESTAMP_NS: name => `epoch_ns(${name})::VARCHAR` }

for (const event of fs.readdirSync(dir).sort()) {
	if (!fs.statSync(path.join(dir, event)).isDirectory())
		continue
	const table = `read_parquet('${dir}/${event}/*.parquet', filename = true, file_row_number = true)`
	const columns = (await query(`DESCRIBE SELECT * EXCLUDE (filename, file_row_number) FROM ${table}`))
		.map(([name, type]) => ({ name, type }))
	const values = columns.map(({ name, type }) =>
		(asText[type] ?? (n => `${n}::VARCHAR`))(`"${name}"`))
	const rows = await query(`SELECT ${values.join(', ')} FROM ${table} ORDER BY filename, file_row_number`)

	out.push(JSON.stringify({ event, columns, rows: rows.length }))
	for (const row of rows)
		out.push(JSON.stringify(row))
}
process.stdout.write(out.join('\n') + '\n')
