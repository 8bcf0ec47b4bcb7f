/**
 * Waits for all of them, also when some fail; nothing is in flight afterwards.
 * @throws the one error, or an AggregateError of all, once every promise has settled
 */
export async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  const errors = results.filter((r) => r.status === "rejected").map((r) => r.reason as unknown);
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} of ${promises.length} failed`);
  return results.map((r) => (r as PromiseFulfilledResult<T>).value);
}
