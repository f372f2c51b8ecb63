// SPDX-License-Identifier: BSD-2-Clause
// Reads a trace with DuckDB and with hyparquet, and compares what they find with
// what sonde's own reader tells: rows, types, nulls, sums, every text and how often.
//
//	node read.mjs TRACE TOLD.json

import fs from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

const [dir, toldFile] = process.argv.slice(2)
const told = JSON.parse(fs.readFileSync(toldFile, 'utf8'))
let nrChecks = 0
let nrWrong = 0

function same(what, got, want) {
	nrChecks++
	if (String(got) === String(want))
		return
	nrWrong++
	console.log(`wrong: ${what} is ${got}, not ${want}`)
}

const hex = text => Buffer.from(text, 'utf8').toString('hex')

function sameTexts(what, got, want) {
	same(`${what}: number of texts`, got.size, Object.keys(want).length)
	for (const [text, nr] of got)
		same(`${what}: times of ${text}`, nr, want[text])
}

async function withDuckDb(event, db) {
	const table = `read_parquet('${dir}/${event.event}/*.parquet')`
	const rows = async sql => (await db.runAndReadAll(sql)).getRows()
	const types = new Map((await rows(`DESCRIBE SELECT * FROM ${table}`)).map(r => [r[0], r[1]]))

	same(`${event.event}: columns`, types.size, event.columns.length)
	same(`${event.event}: rows`, (await rows(`SELECT count(*) FROM ${table}`))[0][0], event.rows)
	for (const column of event.columns) {
		const what = `DuckDB: ${event.event}.${column.name}`
		const name = `"${column.name}"`

		same(`${what}: type`, types.get(column.name), column.type)
		const [[nulls]] = await rows(`SELECT count(*) - count(${name}) FROM ${table}`)
		same(`${what}: nulls`, nulls, column.nulls)
		if (column.texts) {
			const texts = await rows(`SELECT ${name}, count(*) FROM ${table} WHERE ${name} IS NOT NULL GROUP BY 1`)
			sameTexts(what, new Map(texts.map(([text, nr]) => [hex(text), nr])), column.texts)
			continue
		}
		const value = column.type === 'BOOLEAN' ? `${name}::INTEGER`
			: column.type === 'TIMESTAMP_NS' ? `epoch_ns(${name})` : name
		const [[sum]] = await rows(`SELECT coalesce(sum(${value}::HUGEINT), 0)::VARCHAR FROM ${table}`)
		same(`${what}: sum`, sum, column.sum)
	}
	// A span of time, which the statistics help to find.
	const [[nr]] = await rows(`SELECT count(*) FROM ${table}
		WHERE ts >= make_timestamp_ns(${event.from}) AND ts < make_timestamp_ns(${event.to})`)
	same(`DuckDB: ${event.event}: rows in a third of the time`, nr, event.between)
}

async function withHyparquet(event) {
	const parts = fs.readdirSync(path.join(dir, event.event)).filter(name => name.endsWith('.parquet'))
	let rows = []

	for (const part of parts.sort()) {
		const file = await asyncBufferFromFile(path.join(dir, event.event, part))
		const metadata = await parquetMetadataAsync(file)

		const schema = metadata.key_value_metadata.find(pair => pair.key === 'sonde.schema')
		same(`${event.event}: schema in the footer`, JSON.parse(schema.value).columns.length,
			event.columns.length)
		rows = rows.concat(await parquetReadObjects({ file, compressors, utf8: false }))
	}
	same(`hyparquet: ${event.event}: rows`, rows.length, event.rows)
	for (const column of event.columns) {
		const what = `hyparquet: ${event.event}.${column.name}`
		const values = rows.map(row => row[column.name]).filter(v => v !== null && v !== undefined)

		same(`${what}: nulls`, rows.length - values.length, column.nulls)
		if (column.texts) {
			const texts = new Map()
			for (const v of values)
				texts.set(hex(v), (texts.get(hex(v)) ?? 0) + 1)
			sameTexts(what, texts, column.texts)
		} else if (column.type !== 'TIMESTAMP_NS') {
			// Its timestamps are dates of milliseconds: nothing to compare exactly.
			same(`${what}: sum`, values.reduce((sum, v) => sum + BigInt(v), 0n), column.sum)
		}
	}
}

const db = await (await DuckDBInstance.create(':memory:')).connect()
for (const event of told) {
	await withDuckDb(event, db)
	await withHyparquet(event)
}
console.log(`${told.length} events, ${nrChecks} comparisons, ${nrWrong} wrong`)
process.exit(nrWrong || !told.length ? 1 : 0)
