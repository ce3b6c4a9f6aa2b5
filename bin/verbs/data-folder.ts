import { Option } from 'commander';

/** `--data`. Where verbs look that are told nothing: as `torc serve` does, which takes it from the environment too. */
export function dataOption(): Option {
  return new Option('--data <folder>', 'data folder').default(process.env['TORC_DATA'] ?? 'data');
}
