import { defineConfig } from 'vitest/config';

// One file for every suite; test/run.ts names the folders it wants.
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000 },
}) as unknown;
