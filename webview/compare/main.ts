import '../common/base.css';
import '../common/chart.css';
import '../common/pointsTable.css';
import './compare.css';
import { ComparePage } from './page.ts';

new ComparePage(document.getElementById('page') ?? document.body);
