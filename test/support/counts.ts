/** How often tests repeat random faults: few in `npm test`, as many as stated in `npm run test:long`. */
const long = process.env.BIPHASE_TEST_LONG === '1';

/** Agents killed while they forward one run's metrics. */
export const agentKills = long ? 100 : 5;

/** Trainers killed at a step and resumed, compared bit by bit with an uninterrupted run. */
export const trainerKills = long ? 40 : 3;

/** Control processes killed while a real trainer writes. */
export const controlKills = long ? 100 : 5;

/** Short runs of a batch, over two nodes and as an array of Slurm. */
export const batchRuns = long ? 200 : 12;

/** Random faults of links, servers, agents, control, wrappers, trainers and machines, while runs train on two nodes. */
export const randomFaults = long ? 200 : 17;
