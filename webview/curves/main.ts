import '../common/base.css';
import '../common/chart.css';
import '../common/pointsTable.css';
import './curves.css';
import { CurvesPage } from './page.ts';

new CurvesPage(document.getElementById('page') ?? document.body);
