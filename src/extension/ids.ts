/**
 * Ids of everything that package.json contributes, typed once. `test/unit/extension/ids.test.ts` compares both ways.
 */

export const commandIds = {
  launchRun: 'biphase.launchRun',
  launchFromFile: 'biphase.launchFromFile',
  stopRun: 'biphase.stopRun',
  resumeRun: 'biphase.resumeRun',
  downloadCheckpoint: 'biphase.downloadCheckpoint',
  showCurves: 'biphase.showCurves',
  openCurvesInNewPanel: 'biphase.openCurvesInNewPanel',
  compareRuns: 'biphase.compareRuns',
  pinBaseline: 'biphase.pinBaseline',
  unpinBaseline: 'biphase.unpinBaseline',
  showRunOutput: 'biphase.showRunOutput',
  newRunFile: 'biphase.newRunFile',
  addNode: 'biphase.addNode',
  editNode: 'biphase.editNode',
  testNode: 'biphase.testNode',
  reconnectNode: 'biphase.reconnectNode',
  removeNode: 'biphase.removeNode',
  pauseQueue: 'biphase.pauseQueue',
  drainNode: 'biphase.drainNode',
  releaseQueue: 'biphase.releaseQueue',
  setPriority: 'biphase.setPriority',
  freeSpace: 'biphase.freeSpace',
  exportRun: 'biphase.exportRun',
  importRuns: 'biphase.importRuns',
  labelRun: 'biphase.labelRun',
  tagRuns: 'biphase.tagRuns',
  groupRuns: 'biphase.groupRuns',
  archiveRuns: 'biphase.archiveRuns',
  unarchiveRuns: 'biphase.unarchiveRuns',
  deleteRuns: 'biphase.deleteRuns',
  filterRuns: 'biphase.filterRuns',
  clearRunFilter: 'biphase.clearRunFilter',
  groupRunsBy: 'biphase.groupRunsBy',
  sortRunsBy: 'biphase.sortRunsBy',
  showArchivedRuns: 'biphase.showArchivedRuns',
  hideArchivedRuns: 'biphase.hideArchivedRuns',
  refresh: 'biphase.refresh',
  showLog: 'biphase.showLog',
  copyDiagnostics: 'biphase.copyDiagnostics',
} as const;
export type CommandName = keyof typeof commandIds;

/**
 * Commands that start or change something: refused while the workspace is not trusted. A baseline changes nothing of a run:
 * it is how comparisons are looked at.
 */
export const commandsThatNeedTrust: readonly CommandName[] = [
  'launchRun',
  'launchFromFile',
  'stopRun',
  'resumeRun',
  'downloadCheckpoint',
  'addNode',
  'editNode',
  'testNode',
  'reconnectNode',
  'removeNode',
  'pauseQueue',
  'drainNode',
  'releaseQueue',
  'setPriority',
  'freeSpace',
  'exportRun',
  'importRuns',
  'labelRun',
  'tagRuns',
  'groupRuns',
  'archiveRuns',
  'unarchiveRuns',
  'deleteRuns',
];

export const viewIds = {
  container: 'biphase',
  nodes: 'biphase.nodes',
  runs: 'biphase.runs',
} as const;

/** Types of the panels, which the serializers restore. */
export const panelIds = {
  curves: 'biphase.curves',
  check: 'biphase.check',
  compare: 'biphase.compare',
} as const;

export const settingIds = {
  defaultNode: 'biphase.defaultNode',
  stateFolder: 'biphase.stateFolder',
} as const;

/** Keys set with `setContext`, for `when` clauses. */
export const contextKeys = {
  hasRuns: 'biphase.hasRuns',
  hasFinishedRun: 'biphase.hasFinishedRun',
  /** A run has a label or a tag. */
  hasNotes: 'biphase.hasNotes',
  hasArchivedRuns: 'biphase.hasArchivedRuns',
  archivedShown: 'biphase.archivedShown',
  runsFiltered: 'biphase.runsFiltered',
  /** There are runs, and filter and archive hide all of them. */
  noRunShown: 'biphase.noRunShown',
  /** A run is the baseline of comparisons. */
  hasBaseline: 'biphase.hasBaseline',
  /** A node beside this computer was reached. */
  hasOtherNode: 'biphase.hasOtherNode',
  /** Curves were drawn in this window. */
  curvesShown: 'biphase.curvesShown',
  /** Two runs or more were compared in this window. */
  comparisonShown: 'biphase.comparisonShown',
} as const;

/** `viewItem` values of the trees. */
export const itemContexts = {
  localNode: 'node.local',
  sshNode: 'node.ssh',
  /** `.held` behind one of them: the node's queue starts nothing. */
  held: '.held',
  /** Waits in its node's queue. */
  queuedRun: 'run.active.queued',
  activeRun: 'run.active',
  resumableRun: 'run.resumable',
  /** Finished, or gone from its node: nothing is left to resume. */
  endedRun: 'run.ended',
  /** Behind one of them: the baseline of comparisons. */
  baseline: '.baseline',
  /** Behind all of that. */
  archived: '.archived',
  group: 'runGroup',
  checkpoint: 'checkpoint',
} as const;

export const languageId = 'biphase-run';
/** Settings of a node are edited as files of this scheme, whose names end so: the JSON schema goes by it. */
export const nodeSettingsScheme = 'biphase-node';
export const nodeSettingsEnding = '.biphase-node.json';
export const outputScheme = 'biphase-output';
export const runFilePattern = '**/*.run.yaml';
