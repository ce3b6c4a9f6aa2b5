/** Which seeds a suite runs. SIM_FIRST and SIM_SEEDS choose them; a failure names the seed that shows it again. */
const first = Number(process.env['SIM_FIRST'] ?? 1);
const wanted = process.env['SIM_SEEDS'];

export interface SeedPlan {
  /** Seeds unless SIM_SEEDS says otherwise: of all shares together. */
  readonly seeds: number;
  /** No new seed is begun after this, so that a slow machine runs fewer; SIM_SEEDS lifts it. */
  readonly limitMillis: number;
  /** Of `shares` suites that run side by side the one that is meant, from 0. */
  readonly share?: number;
  readonly shares?: number;
}

/** Of a night's seeds so many pass without a word. */
const sayEvery = 500;

export const firstSeed: number = first;

/** Thousands of errors are made in a run, and where they come from is read only when one seed is looked at. */
async function withoutStacks<Result>(run: () => Promise<Result>): Promise<Result> {
  const limit = Error.stackTraceLimit;
  if (wanted !== '1') Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Runs one seed after the other. Throws for the first that fails, or when none ran. */
export async function runSeeds<Result>(
  plan: SeedPlan,
  run: (seed: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const { share = 0, shares = 1 } = plan;
  const end = first + Number(wanted ?? plan.seeds);
  const limitMillis = wanted === undefined ? plan.limitMillis : Number.POSITIVE_INFINITY;
  const started = performance.now();
  const results: Result[] = [];
  let last = first;
  for (let seed = first + share; seed < end; seed += shares) {
    if (performance.now() - started >= limitMillis) break;
    try {
      results.push(await withoutStacks(() => run(seed)));
      last = seed;
      if (results.length % sayEvery === 0)
        process.stdout.write(`simulated ${results.length} seeds up to ${last}\n`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const again = `SIM_FIRST=${seed} SIM_SEEDS=1 shows it again`;
      throw new Error(`seed ${seed} fails (${again}): ${reason}`, { cause: error });
    }
  }
  process.stdout.write(`simulated ${results.length} seeds from ${first + share} to ${last}\n`);
  // With one seed chosen the other shares have none.
  if (results.length === 0 && Number(wanted ?? shares) >= shares) throw new Error('no seed ran');
  return results;
}
