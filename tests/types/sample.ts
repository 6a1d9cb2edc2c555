// A client against the types that openapi-typescript makes of the served document: it has to compile.
import type { components, operations, paths } from "./bluehelm";

type Answer<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: infer Content } } };
}
  ? Content[keyof Content]
  : never;
type Query<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Asked } } } ? Asked : never;

async function ask<P extends keyof paths>(path: P, query?: Query<P>): Promise<Answer<P>> {
  const asked = new URLSearchParams(query as Record<string, string> | undefined);
  const reply = await fetch(`http://localhost:8080${path}?${asked}`);
  return (await reply.json()) as Answer<P>;
}

export async function missions(): Promise<string[]> {
  const list = await ask("/v1/missions", { category: ["pko"], status__not: ["ended"], limit: 10 });
  const rows: components["schemas"]["Mission"][] = list.data;
  const next: string | null = list.next;
  const total: number | undefined = list.meta.total;
  return rows.map((row) => `${row.id} ${row.acronym ?? ""} of ${total ?? "?"} ${next ?? ""}`);
}

export async function deaths(): Promise<(number | null)[]> {
  const sums = await ask("/v1/casualties/stats", { group_by: "year(date)", fill: "null" });
  return sums.data.map((group) => group.best);
}

export async function bounds(): Promise<number | null> {
  const list = await ask("/v1/claims", { number__gte: 300, as_of: "2022-06-01" });
  const number = list.data[0]?.number;
  return number ? number.low : null;
}

export type Network = operations["getNetwork"]["responses"][200]["content"]["application/json"];
export type Rows = Answer<"/v1/missions.json">;
export const first = (rows: Rows): string | undefined => rows[0]?.id;
