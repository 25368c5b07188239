/**
 * Step: how the fakes take turns with the rest of the world. Each effect of a fake is one
 * synchronous, atomic step; when it runs, whether it fails before or after, and whether its
 * caller is still alive to hear of it is up to whoever gives the `Step`.
 */

/**
 * @param verb part and operation, such as `fs.rename`, `db.acknowledge`, `http.PUT`, `queue.wake`.
 * @param subject what it happens to, for traces.
 * @returns what the effect returned or threw, unless the step was made to fail.
 */
export type Step = <Result>(verb: string, subject: string, effect: () => Result) => Promise<Result>;

/** No other world: every effect happens when it is asked for. */
export const atOnce: Step = async (_verb, _subject, effect) => effect();
