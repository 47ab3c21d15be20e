// Random sequences of calls, held to a model of the contract.
import process from "node:process";
import { runSequence } from "../soak/model.ts";
import { testContract } from "../support/adapters.ts";
import { pair } from "../support/transports.ts";

const COUNT = 75;
/** Another one for each run; PARLEY_SEED repeats a sequence that failed. */
const SEED = Number(process.env.PARLEY_SEED ?? Date.now() % 1_000_000_000);

testContract(
  "random sequences of calls keep the contract",
  async (transport) => {
    for (let seed = SEED; seed < SEED + COUNT; seed++) {
      await using ends = await pair(transport);
      await runSequence(ends, seed);
    }
  },
);
