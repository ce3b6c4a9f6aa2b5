/** Where verbs look that are told nothing: as `torc serve` does, which takes it from the environment too. */
export const dataFolder: string = process.env['TORC_DATA'] ?? 'data';
