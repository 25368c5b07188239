/**
 * Bulk: many rows in one statement, as one array a column for `unnest`. Rows are put in
 * order of names, the order in which every statement locks them, so that two never
 * wait for each other. Statements also name the rows by `name = ANY(...)`: without fresh
 * statistics a join alone is planned as a scan of the whole pair.
 */
import { compareNames } from '#core/name.ts';

export type ColumnType = 'text' | 'bigint' | 'smallint' | 'boolean' | 'timestamptz' | 'bytea';
export type Cell = string | bigint | number | boolean | Date | null;

export interface Bulk<Row> {
  /** `unnest(...) AS alias(columns)` over the parameters from `first` on. */
  source(alias: string, first: number): string;
  /** The arrays for these parameters. */
  values(rows: readonly Row[]): Cell[][];
  /** How many parameters it takes. */
  readonly width: number;
}

/** @param types the row's columns with their types; every row has exactly these. */
export function bulk<Row extends { readonly [Column in keyof Row]: Cell }>(
  types: Readonly<Record<keyof Row & string, ColumnType>>,
): Bulk<Row> {
  const columns = Object.keys(types) as (keyof Row & string)[];
  return {
    width: columns.length,
    source: (alias, first) => {
      const arrays = columns.map((column, index) => `$${first + index}::${types[column]}[]`);
      return `unnest(${arrays.join(', ')}) AS ${alias}(${columns.join(', ')})`;
    },
    values: (rows) => columns.map((column) => rows.map((row): Cell => row[column])),
  };
}

/** Rows in byte order of names; of several with the same name `merge` makes one. */
export function inNameOrder<Row extends { readonly name: string }>(
  rows: readonly Row[],
  merge: (earlier: Row, later: Row) => Row,
): readonly Row[] {
  const byName = new Map<string, Row>();
  for (const row of rows) {
    const earlier = byName.get(row.name);
    byName.set(row.name, earlier === undefined ? row : merge(earlier, row));
  }
  return [...byName.values()].sort((a, b) => compareNames(a.name, b.name));
}

/** For `inNameOrder` where a caller gives each name once: the later one stands. */
export const laterOne = <Row>(_earlier: Row, later: Row): Row => later;
