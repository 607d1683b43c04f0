// Whether this device computes the model right: a stored prompt must have the tokens that follow it on the CPU.
//
// Some GPU drivers compute attention wrongly for prompts of more than 32 tokens and still write plausible text, so the
// prompt is longer than that; its end is fed apart, for that is how an answer continues.

const FED_APART = 4;

/** The `count` most likely tokens after a prompt. */
export async function greedyTokens(runner, promptIds, count) {
  await runner.reset();
  await runner.forward(promptIds.slice(0, -FED_APART));
  let logits = await runner.forward(promptIds.slice(-FED_APART));
  const tokens = [];
  while (tokens.length < count) {
    const token = largest(logits);
    tokens.push(token);
    if (tokens.length < count) logits = await runner.forward([token]);
  }
  await runner.reset();
  return tokens;
}

/** The tokens of the self-test and whether they are those of `expected`: {prompt_ids, tokens}. */
export async function selfTest(runner, expected) {
  const tokens = await greedyTokens(runner, expected.prompt_ids, expected.tokens.length);
  return { tokens, passed: tokens.every((token, index) => token === expected.tokens[index]) };
}

function largest(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[best]) best = id;
  return best;
}
