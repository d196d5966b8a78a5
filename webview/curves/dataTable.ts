import { formatCount } from '../../src/core/numberFormat.ts';
import { choice } from '../common/controls.ts';
import { placeText } from './axis.ts';
import type { PanelScene } from './panelScene.ts';
import { markLabel, type Panel } from './panels.ts';
import { PointsTable } from './pointsTable.ts';

/** The charts' points as a table: a panel at a time. */
export class DataTable {
  private readonly picker;
  private readonly table: PointsTable;
  private chosen = '';

  /** `changed`: another metric or page was chosen, draw again. */
  constructor(changed: () => void) {
    this.picker = choice('Metric', [], (metric) => {
      this.choose(metric);
      changed();
    });
    this.table = new PointsTable([this.picker.element], changed);
  }

  get element(): HTMLElement {
    return this.table.element;
  }

  /** The panel whose points are asked for. */
  panel(panels: readonly Panel[]): Panel | undefined {
    this.picker.offer(panels.map((p) => [p.metric, p.title]));
    const found = panels.find((p) => p.metric === this.chosen) ?? panels[0];
    if (found) {
      this.chosen = found.metric;
      this.picker.set(found.metric);
    }
    return found;
  }

  /** Shows this metric's points. */
  choose(metric: string): void {
    if (this.chosen !== metric) this.table.rewind();
    this.chosen = metric;
  }

  focus(): void {
    this.table.focus();
  }

  draw(panel: Panel, { curves, x, waiting, moment }: PanelScene): void {
    const shown = curves.filter((c) => c.series && (c.metric === panel.metric || c.series.points.length > 0));
    this.table.draw({
      columns: shown.map((c) => ({
        ...{ name: c.name, style: c.style, points: c.series!.points },
        label: c.metric === panel.metric ? '' : markLabel(c.metric),
      })),
      format: (value) => panel.format(value),
      place: x === 'step' ? null : { title: x, text: (value) => placeText(x, value) },
      about: (rows) => {
        const total = shown.reduce((most, c) => Math.max(most, c.series!.total), rows);
        return `${formatCount(total)} points in the longest run. Zoom in for finer rows.`;
      },
      empty: moment ? '' : waiting,
    });
  }
}
