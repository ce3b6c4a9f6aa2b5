import { defineConfig } from 'vitest/config';

// One file for every suite; test/run.ts names the folders it wants.
export default defineConfig({
  test: { include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 },
}) as unknown;
