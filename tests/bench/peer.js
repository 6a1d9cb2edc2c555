// The same answers as a person with Fastify and better-sqlite3 would give them: peer.js DATASET SQL-DIRECTORY PORT.
// Prepared statements, rows as they come; JSON.stringify is Fastify's own.
"use strict";
const fs = require("fs");
const path = require("path");
const Database = require("better-sqlite3");

const [dataset, sql, port] = process.argv.slice(2);
const db = new Database(dataset, { readonly: true, fileMustExist: true });
db.pragma("mmap_size = 2147483648");
const prepare = (name) => db.prepare(fs.readFileSync(path.join(sql, `${name}.sql`), "utf8"));
const item = prepare("item");
const page = prepare("page");
const aggregate = prepare("aggregate");

const app = require("fastify")({ logger: false, keepAliveTimeout: 600000 });
app.get("/casualties/stats", (request) => ({ data: aggregate.all(request.query.series) }));
app.get("/casualties/:id", (request, reply) => {
    const data = item.get(request.params.id);
    return data === undefined ? reply.code(404).send({ status: 404 }) : { data };
});
app.get("/casualties", (request) => ({ data: page.all(request.query.mission, request.query.after) }));
app.listen({ host: "127.0.0.1", port: Number(port) });
